"""What changes the predictions of a model after training: its engine inside another, tuned on the validation split."""
