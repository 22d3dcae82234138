"""What comes in from the hospital: orders, patients and their corrections, and which study belongs to which."""
