"""What people look at: the list of cases and the page of one case, drawn on the server."""
