"""What a babysat model has come to: status, text, page, advice."""
