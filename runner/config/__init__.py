"""An experiment's configuration: schema, composing, validation, what can be chosen by name."""
