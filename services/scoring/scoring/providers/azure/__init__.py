"""The `azure` provider: pronunciation assessment by Azure's Speech service, through its SDK."""
