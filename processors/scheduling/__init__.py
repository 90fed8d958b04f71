"""Work that is handed in again and again: when a schedule is due, and which runs that makes. Pure."""
