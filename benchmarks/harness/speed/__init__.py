"""Speed of training, beside other programs and beside the peak of the processor."""
