"""The lab as a service of the line: it runs what people ask for on lab.commands, and tells how it goes on lab.runs."""
