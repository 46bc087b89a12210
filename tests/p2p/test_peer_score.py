from p2p.peer_score import MAX_RECORDS, PeerScores, PenaltyPolicy

POLICY = PenaltyPolicy(
    points_per_offence=10,
    decay_points_per_s=1,
    ban_at_points=30,
    ban_first_s=60,
    ban_max_s=100,
    ban_protected_s=5,
)


def offend(scores: PeerScores, now_s: float, times: int, *, is_protected: bool = False) -> list[bool]:
    return [scores.penalise(b"p", now_s, is_protected=is_protected) for _ in range(times)]


def test_one_mistake_bans_nobody() -> None:
    scores = PeerScores(POLICY)
    assert offend(scores, 0, 2) == [False, False]
    assert not scores.is_banned(b"p", 0)
    assert scores.points(b"p", 0) == 20


def test_repeated_offences_ban_for_longer_each_time_up_to_a_limit() -> None:
    scores = PeerScores(POLICY)
    assert offend(scores, 0, 3) == [False, False, True]
    assert scores.is_banned(b"p", 59)
    assert not scores.is_banned(b"p", 60)
    assert offend(scores, 60, 3)[-1]
    assert scores.is_banned(b"p", 159)
    assert not scores.is_banned(b"p", 160)


def test_points_fade_so_that_rare_offences_never_ban() -> None:
    scores = PeerScores(POLICY)
    assert not any(offend(scores, 15 * i, 1)[0] for i in range(100))


def test_a_protected_peer_is_away_for_seconds_only_however_often_it_offends() -> None:
    scores = PeerScores(POLICY)
    for start_s in (0, 10, 20):
        assert offend(scores, start_s, 3, is_protected=True)[-1]
        assert scores.is_banned(b"p", start_s + 4)
        assert not scores.is_banned(b"p", start_s + 5)


def test_the_book_of_penalties_is_bounded() -> None:
    scores = PeerScores(POLICY)
    for i in range(MAX_RECORDS + 10):
        scores.penalise(i.to_bytes(4, "big"), 0, is_protected=False)
    assert len(scores._records) == MAX_RECORDS
    assert scores.points((0).to_bytes(4, "big"), 0) == 0
