"""A made-up customer: six buildings and sixteen months of requests, with true labels kept apart. No real data."""
