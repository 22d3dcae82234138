"""Every sentence of a report in Vietnamese, English and French."""
