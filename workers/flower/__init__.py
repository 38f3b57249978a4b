"""What our Flower shows and lets pass, on top of the unchanged package."""
