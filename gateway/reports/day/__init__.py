"""The report of a day of the line: figures from the warehouse, held against the targets and the days before."""
