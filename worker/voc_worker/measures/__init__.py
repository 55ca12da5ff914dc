"""Statistics of the reports: tables in, records out; nothing here draws, reads or writes."""
