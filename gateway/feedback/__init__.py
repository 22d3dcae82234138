"""What radiologists say of a result, and how far an alert can therefore be believed."""
