"""What the engine and clients read: documents about a model, its answering member, and equations."""
