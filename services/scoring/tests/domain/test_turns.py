from collections.abc import Iterable
from uuid import UUID

import pytest
from scoring.domain.turns import Job, Plan, Ticket, TurnOrder, plan_turns

ANN, BEN, CLEO, DAN = (UUID(int=number) for number in range(4))
NOW = 1000.0


def make_job(
    learner: UUID, seconds: float = 1.0, *, seconds_left: float = 12.0, started: float | None = None
) -> Job:
    """Create work that must end `within` seconds and, if running, has `begun` that many seconds ago."""
    started_at = None if started is None else NOW - started
    return Job(Ticket(learner, NOW + seconds_left), seconds, started_at=started_at)


def plan(
    waiting: Iterable[Job], running: Iterable[Job] = (), *, concurrency: int = 1, max_waiting: int = 100
) -> Plan:
    return plan_turns(waiting, [*running], now=NOW, concurrency=concurrency, max_waiting=max_waiting)


def serve(jobs: Iterable[Job], order: TurnOrder | None = None) -> list[Job]:
    """Serve jobs that arrive at the same time, one after the other."""
    order, waiting, served = order or TurnOrder(), list[Job](), list[Job]()
    for job in jobs:
        order.join(job)
        waiting.append(job)
    while waiting:
        served += plan(waiting).starting
        order.start_job(served[-1])
        waiting.remove(served[-1])
    return served


def test_jobs_are_served_in_order_of_arrival() -> None:
    jobs = [make_job(BEN), make_job(ANN), make_job(CLEO)]
    assert serve(jobs) == jobs


def test_learners_take_turns() -> None:
    anns, bens, cleos = (
        [make_job(ANN) for _ in range(3)],
        [make_job(BEN) for _ in range(2)],
        [make_job(CLEO)],
    )
    assert serve([*anns, *bens, *cleos]) == [anns[0], bens[0], cleos[0], anns[1], bens[1], anns[2]]


def test_all_learners_get_the_same_processing_time() -> None:
    anns, bens = [make_job(ANN, 3) for _ in range(2)], [make_job(BEN, 1) for _ in range(5)]
    assert serve([*anns, *bens]) == [anns[0], *bens[:3], anns[1], *bens[3:]]


def test_a_new_learner_comes_before_the_next_job_of_the_learner_being_served() -> None:
    order = TurnOrder()
    first, second, ben = make_job(ANN), make_job(ANN), make_job(BEN)
    for job in (first, second):
        order.join(job)
    order.start_job(first)
    order.join(ben)
    assert ben.turn < second.turn
    order.start_job(ben)
    assert ben.turn < second.turn


def test_all_waiting_learners_are_served_before_one_is_served_again() -> None:
    order = TurnOrder()
    serve([make_job(ANN, 2) for _ in range(5)], order)
    served = serve(
        [
            make_job(ANN, 2),
            make_job(BEN, 9),
            make_job(CLEO, 1),
            make_job(BEN, 9),
            make_job(CLEO, 1),
        ],
        order,
    )
    assert [job.ticket.learner_id for job in served] == [BEN, CLEO, CLEO, ANN, BEN]


def test_cancelled_work_does_not_count_as_a_turn() -> None:
    order = TurnOrder()
    first, refused, ben = make_job(ANN), make_job(ANN, 9), make_job(BEN, 2)
    for job in (first, refused, ben):
        order.join(job)
    order.start_job(first)
    order.refund(refused)
    again = make_job(ANN)
    order.join(again)
    assert again.turn == refused.turn == 1


def test_finished_jobs_do_not_affect_later_turns() -> None:
    order = TurnOrder()
    for number in range(100):
        serve([make_job(UUID(int=number), 1)], order)
        serve([make_job(UUID(int=number), 1)], order)
    assert len(order._next_turns) <= 2


def test_one_job_starts_for_each_free_slot() -> None:
    jobs = [make_job(ANN), make_job(BEN), make_job(CLEO)]
    result = plan(jobs, [make_job(DAN, started=0.5)], concurrency=3)
    assert (result.starting, result.waiting, result.refused) == (jobs[:2], jobs[2:], [])


def test_an_empty_queue_has_an_empty_plan() -> None:
    assert plan([], [make_job(DAN, started=0.5)]) == plan([]) == Plan()


def test_work_that_can_start_immediately_is_never_refused() -> None:
    oversized = make_job(ANN, 99)
    assert plan([oversized], max_waiting=0).starting == [oversized]


def test_work_waits_if_it_can_end_in_time_and_is_refused_otherwise() -> None:
    running = make_job(DAN, 4, started=1)
    waits, late = make_job(ANN, 5, seconds_left=8), make_job(ANN, 5, seconds_left=7.5)
    assert plan([waits], [running]).waiting == [waits]
    result = plan([late], [running])
    assert not result.waiting
    [(refused, retry_after)] = result.refused
    assert refused is late
    assert retry_after == pytest.approx(0.5)


def test_a_refusal_names_the_seconds_by_which_the_work_would_be_late() -> None:
    before = [make_job(learner, 5, seconds_left=99) for learner in (ANN, BEN)]
    [(_, retry_after)] = plan([*before, make_job(CLEO, 5)], [make_job(DAN, 5, started=0)]).refused
    # It would end after 20 s, and has 12.
    assert retry_after == pytest.approx(8)


def test_a_retry_after_the_estimated_wait_is_accepted() -> None:
    before = [make_job(learner, 5, seconds_left=99) for learner in (ANN, BEN)]
    [(_, retry_after)] = plan([*before, make_job(CLEO, 5)], [make_job(DAN, 5, started=0)]).refused
    running = Job(before[0].ticket, 5, started_at=NOW + 5)
    later = NOW + retry_after
    again = Job(Ticket(CLEO, later + 12.001), 5)
    result = plan_turns([before[1], again], [running], now=later, concurrency=1, max_waiting=100)
    assert again in result.waiting


def test_when_too_many_wait_the_last_by_turn_are_refused() -> None:
    jobs = [make_job(learner) for learner in (ANN, BEN, CLEO)]
    jobs[0].turn = 1.0
    [(refused, retry_after)] = plan(jobs, [make_job(DAN, 2, started=0)], max_waiting=2).refused
    assert refused is jobs[0]
    assert retry_after == pytest.approx(2)


def test_short_work_is_accepted_where_long_work_is_refused() -> None:
    long, short = make_job(ANN, 9), make_job(BEN, 1)
    result = plan([long, short], [make_job(DAN, 5, started=0)])
    assert (result.waiting, [refused for refused, _ in result.refused]) == ([short], [long])


def test_overdue_work_is_expected_to_take_longer() -> None:
    hanging = make_job(DAN, 1, started=10)
    waits, late = make_job(ANN, 5, seconds_left=7.1), make_job(ANN, 5, seconds_left=6.9)
    assert plan([waits], [hanging]).waiting == [waits]
    assert plan([late], [hanging]).refused[0].job is late


def test_overdue_work_still_occupies_its_slot() -> None:
    ending = make_job(DAN, 0.5, started=0.5)
    result = plan([make_job(ANN)], [ending])
    assert (len(result.starting), len(result.waiting)) == (0, 1)


def test_a_learner_leaves_one_slot_to_others() -> None:
    anns = [make_job(ANN) for _ in range(4)]
    result = plan(anns, concurrency=3)
    assert (result.starting, result.waiting) == (anns[:2], anns[2:])
    ben = make_job(BEN)
    assert plan(
        [*anns[2:], ben], [make_job(ANN, started=0.1), make_job(ANN, started=0.1)], concurrency=3
    ).starting == [ben]


def test_each_learner_may_use_a_single_slot() -> None:
    ann = make_job(ANN)
    assert plan([ann]).starting == [ann]


def test_a_learner_at_the_limit_waits_for_their_own_work() -> None:
    waits, late = make_job(ANN, 5, seconds_left=8.5), make_job(ANN, 5, seconds_left=7.5)
    running = [make_job(ANN, 4, started=1)]
    assert plan([waits], running, concurrency=2).waiting == [waits]
    assert plan([late], running, concurrency=2).refused[0].retry_after_seconds == pytest.approx(0.5)


def test_waiting_work_of_one_learner_does_not_delay_others_in_free_slots() -> None:
    running = [make_job(ANN, 10, started=0), make_job(DAN, 1, started=0)]
    ann, bens = make_job(ANN, 1, seconds_left=11.5), make_job(BEN, 1, seconds_left=2.5)
    result = plan([ann, bens, make_job(CLEO, 1, seconds_left=3.5)], running, concurrency=2)
    assert len(result.waiting) == 3
    assert not result.refused


def test_each_slot_has_its_own_queue() -> None:
    running = [make_job(DAN, 4, started=0), make_job(ANN, 4, started=0)]
    result = plan([make_job(UUID(int=10 + number), 4) for number in range(6)], running, concurrency=2)
    # Two more in each slot end within 12 s.
    assert (len(result.waiting), len(result.refused)) == (4, 2)


def test_a_slot_that_is_cleaned_up_is_not_free_twice() -> None:
    first, retried, waiting = (
        make_job(ANN, 0.0, started=1),
        make_job(ANN, 5.0, started=0),
        make_job(BEN, seconds_left=4),
    )
    assert [refusal.job for refusal in plan([waiting], [first, retried]).refused] == [waiting]
