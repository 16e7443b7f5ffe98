"""The processes that call a user's metric."""
