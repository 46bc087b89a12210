"""The concrete tokens that the factory makes: one class each, put together from the mix-ins."""
