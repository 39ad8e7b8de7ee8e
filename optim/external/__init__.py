"""Any torch.optim.Optimizer class, from an installed package or a user's file, chosen by name like our own."""
