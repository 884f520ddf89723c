"""Host agent program: flows of this host with the application that owns them."""
