from collections.abc import Iterable
from uuid import UUID

import pytest
from scoring.domain.turns import Job, Plan, Ticket, TurnOrder, plan_turns

ANN, BEN, CLEO, DAN = (UUID(int=number) for number in range(4))
NOW = 1000.0


def make_job(learner: UUID, seconds: float = 1.0, *, within: float = 12.0, begun: float | None = None) -> Job:
    """Create work that must end `within` seconds and, if running, has `begun` that many seconds ago."""
    started_at = None if begun is None else NOW - begun
    return Job(Ticket(learner, NOW + within), seconds, started_at=started_at)


def plan(
    waiting: Iterable[Job], in_work: Iterable[Job] = (), *, concurrency: int = 1, max_waiting: int = 100
) -> Plan:
    return plan_turns(waiting, [*in_work], now=NOW, concurrency=concurrency, max_waiting=max_waiting)


def serve(jobs: Iterable[Job], order: TurnOrder | None = None) -> list[Job]:
    """Serve jobs that arrive at the same time, one after the other."""
    order, waiting, served = order or TurnOrder(), list[Job](), list[Job]()
    for job in jobs:
        order.join(job)
        waiting.append(job)
    while waiting:
        served += plan(waiting).starting
        order.begin(served[-1])
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
    order.begin(first)
    order.join(ben)
    assert ben.turn < second.turn
    order.begin(ben)
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
    order.begin(first)
    order.refund(refused)
    again = make_job(ANN)
    order.join(again)
    assert again.turn == refused.turn == 1


def test_a_long_past_queue_is_forgotten() -> None:
    order = TurnOrder()
    for number in range(100):
        serve([make_job(UUID(int=number), 1)], order)
        serve([make_job(UUID(int=number), 1)], order)
    assert len(order._next_turns) <= 2


def test_as_many_start_as_slots_are_free() -> None:
    jobs = [make_job(ANN), make_job(BEN), make_job(CLEO)]
    found = plan(jobs, [make_job(DAN, begun=0.5)], concurrency=3)
    assert (found.starting, found.waiting, found.refused) == (jobs[:2], jobs[2:], [])


def test_an_empty_queue_has_an_empty_plan() -> None:
    assert plan([], [make_job(DAN, begun=0.5)]) == plan([]) == Plan()


def test_work_that_can_start_immediately_is_never_refused() -> None:
    hopeless = make_job(ANN, 99)
    assert plan([hopeless], max_waiting=0).starting == [hopeless]


def test_work_waits_if_it_can_end_in_time_and_is_refused_otherwise() -> None:
    in_work = make_job(DAN, 4, begun=1)
    waits, late = make_job(ANN, 5, within=8), make_job(ANN, 5, within=7.5)
    assert plan([waits], [in_work]).waiting == [waits]
    found = plan([late], [in_work])
    assert not found.waiting
    [(refused, retry_after)] = found.refused
    assert refused is late
    assert retry_after == pytest.approx(0.5)


def test_a_refusal_names_the_seconds_by_which_the_work_would_be_late() -> None:
    before = [make_job(learner, 5, within=99) for learner in (ANN, BEN)]
    [(_, retry_after)] = plan([*before, make_job(CLEO, 5)], [make_job(DAN, 5, begun=0)]).refused
    # It would end after 20 s, and has 12.
    assert retry_after == pytest.approx(8)


def test_a_retry_after_the_estimated_wait_is_accepted() -> None:
    before = [make_job(learner, 5, within=99) for learner in (ANN, BEN)]
    [(_, retry_after)] = plan([*before, make_job(CLEO, 5)], [make_job(DAN, 5, begun=0)]).refused
    running = Job(before[0].ticket, 5, started_at=NOW + 5)
    later = NOW + retry_after
    again = Job(Ticket(CLEO, later + 12.001), 5)
    found = plan_turns([before[1], again], [running], now=later, concurrency=1, max_waiting=100)
    assert again in found.waiting


def test_when_too_many_wait_the_last_by_turn_are_refused() -> None:
    jobs = [make_job(learner) for learner in (ANN, BEN, CLEO)]
    jobs[0].turn = 1.0
    [(refused, retry_after)] = plan(jobs, [make_job(DAN, 2, begun=0)], max_waiting=2).refused
    assert refused is jobs[0]
    assert retry_after == pytest.approx(2)


def test_short_work_may_wait_where_long_work_may_not() -> None:
    long, short = make_job(ANN, 9), make_job(BEN, 1)
    found = plan([long, short], [make_job(DAN, 5, begun=0)])
    assert (found.waiting, [refused for refused, _ in found.refused]) == ([short], [long])


def test_overdue_work_is_expected_to_take_longer() -> None:
    hanging = make_job(DAN, 1, begun=10)
    waits, late = make_job(ANN, 5, within=7.1), make_job(ANN, 5, within=6.9)
    assert plan([waits], [hanging]).waiting == [waits]
    assert plan([late], [hanging]).refused[0].job is late


def test_overdue_work_still_occupies_its_slot() -> None:
    ending = make_job(DAN, 0.5, begun=0.5)
    found = plan([make_job(ANN)], [ending])
    assert (len(found.starting), len(found.waiting)) == (0, 1)


def test_a_learner_leaves_one_slot_to_others() -> None:
    anns = [make_job(ANN) for _ in range(4)]
    found = plan(anns, concurrency=3)
    assert (found.starting, found.waiting) == (anns[:2], anns[2:])
    ben = make_job(BEN)
    assert plan(
        [*anns[2:], ben], [make_job(ANN, begun=0.1), make_job(ANN, begun=0.1)], concurrency=3
    ).starting == [ben]


def test_where_there_is_one_slot_each_learner_may_have_it() -> None:
    ann = make_job(ANN)
    assert plan([ann]).starting == [ann]


def test_a_learner_at_the_limit_waits_for_their_own_work() -> None:
    waits, late = make_job(ANN, 5, within=8.5), make_job(ANN, 5, within=7.5)
    in_work = [make_job(ANN, 4, begun=1)]
    assert plan([waits], in_work, concurrency=2).waiting == [waits]
    assert plan([late], in_work, concurrency=2).refused[0].retry_after_seconds == pytest.approx(0.5)


def test_waiting_work_of_one_learner_does_not_delay_others_in_free_slots() -> None:
    in_work = [make_job(ANN, 10, begun=0), make_job(DAN, 1, begun=0)]
    ann, bens = make_job(ANN, 1, within=11.5), make_job(BEN, 1, within=2.5)
    found = plan([ann, bens, make_job(CLEO, 1, within=3.5)], in_work, concurrency=2)
    assert len(found.waiting) == 3
    assert not found.refused


def test_each_slot_has_its_own_queue() -> None:
    in_work = [make_job(DAN, 4, begun=0), make_job(ANN, 4, begun=0)]
    found = plan([make_job(UUID(int=10 + number), 4) for number in range(6)], in_work, concurrency=2)
    # Two more in each slot end within 12 s.
    assert (len(found.waiting), len(found.refused)) == (4, 2)


def test_a_slot_that_is_cleaned_up_is_not_free_twice() -> None:
    first, retried, waiting = (
        make_job(ANN, 0.0, begun=1),
        make_job(ANN, 5.0, begun=0),
        make_job(BEN, within=4),
    )
    assert [refusal.job for refusal in plan([waiting], [first, retried]).refused] == [waiting]
