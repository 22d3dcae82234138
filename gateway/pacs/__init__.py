"""Results to further PACS nodes by C-STORE, by the rules of the configuration."""
