from training.stages.rank_share import Share


def test_ranks_and_micro_batches_share_the_positions_of_a_step() -> None:
    shares = [Share(batch_size=2, accumulate=2, rank=rank, n_ranks=2) for rank in range(2)]
    first, second = (list(share.micro_batches(3, 5)) for share in shares)
    assert first == [[24, 25], [28, 29], [32, 33], [36, 37]]
    assert second == [[26, 27], [30, 31], [34, 35], [38, 39]]
    assert shares[0].global_batch == 8


def test_two_ranks_take_in_a_step_what_one_takes_with_twice_the_batch() -> None:
    two = [Share(batch_size=3, rank=rank, n_ranks=2).micro_batches(0, 2) for rank in range(2)]
    one = Share(batch_size=6).micro_batches(0, 2)
    assert [a + b for a, b in zip(*two, strict=True)] == list(one)


def test_every_question_is_asked_once() -> None:
    asked = [
        question
        for rank in range(3)
        for batch in Share(batch_size=2, rank=rank, n_ranks=3).questions(11)
        for question in batch
    ]
    assert sorted(asked) == list(range(11))
