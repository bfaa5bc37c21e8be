"""Shape Studio's window: views bound to models, models bound to one stream of messages from the engine."""
