"""Programs that measure. They print what they find; nothing depends on them."""
