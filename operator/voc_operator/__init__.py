"""The operator: watches VocMonthlyRun objects, creates Jobs, reports status."""
