"""How a connection looks on each transport: one small class each, behind one Protocol."""
