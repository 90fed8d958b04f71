"""MiniLM in our own few lines of torch. The one test of the embedding that pays for the import of torch."""

import numpy as np

from infra.embedding import load


def test_minilm_puts_like_texts_near_and_padding_changes_nothing():
    model = load("minilm")
    texts = [
        "How do I fix a bug in Python?",
        "Debugging code in Python",
        "The weather in Paris is lovely today, " * 60,  # far beyond what is read, so that the others are padded
        "",
        "\ud800",
    ]
    rows = model.embed(texts)
    assert rows.shape == (5, model.size)
    assert np.allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 0, 0], atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.4
    for text, row in zip(texts, rows, strict=True):
        assert np.abs(model.embed([text])[0] - row).max() < 1e-5
