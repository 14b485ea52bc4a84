from collections.abc import Iterable
from uuid import UUID

import pytest
from scoring.domain.turns import Job, Plan, Ticket, TurnOrder, plan_turns

ANN, BEN, CLEO, DAN = (UUID(int=number) for number in range(4))
NOW = 1000.0


def job(learner: UUID, seconds: float = 1.0, *, within: float = 12.0, begun: float | None = None) -> Job:
    """Work that must end `within` seconds and, if in work, has `begun` that many seconds ago."""
    started_at = None if begun is None else NOW - begun
    return Job(Ticket(learner, NOW + within), seconds, started_at=started_at)


def plan(
    waiting: Iterable[Job], in_work: Iterable[Job] = (), *, concurrency: int = 1, max_waiting: int = 100
) -> Plan:
    return plan_turns(waiting, [*in_work], now=NOW, concurrency=concurrency, max_waiting=max_waiting)


def serve(jobs: Iterable[Job], order: TurnOrder | None = None) -> list[Job]:
    """Serve jobs that came together, one after the other."""
    order, waiting, served = order or TurnOrder(), list[Job](), list[Job]()
    for each in jobs:
        order.join(each)
        waiting.append(each)
    while waiting:
        served += plan(waiting).starting
        order.begin(served[-1])
        waiting.remove(served[-1])
    return served


def test_those_who_wait_longest_come_first() -> None:
    jobs = [job(BEN), job(ANN), job(CLEO)]
    assert serve(jobs) == jobs


def test_learners_take_turns() -> None:
    anns, bens, cleos = [job(ANN) for _ in range(3)], [job(BEN) for _ in range(2)], [job(CLEO)]
    assert serve([*anns, *bens, *cleos]) == [anns[0], bens[0], cleos[0], anns[1], bens[1], anns[2]]


def test_turns_are_as_long_for_all_learners() -> None:
    anns, bens = [job(ANN, 3) for _ in range(2)], [job(BEN, 1) for _ in range(5)]
    assert serve([*anns, *bens]) == [anns[0], *bens[:3], anns[1], *bens[3:]]


def test_who_comes_while_a_learner_is_served_comes_before_the_next_of_that_learner() -> None:
    order = TurnOrder()
    first, second, ben = job(ANN), job(ANN), job(BEN)
    for each in (first, second):
        order.join(each)
    order.begin(first)
    order.join(ben)
    assert ben.turn < second.turn
    order.begin(ben)
    assert ben.turn < second.turn


def test_all_who_wait_are_served_before_a_learner_is_again() -> None:
    order = TurnOrder()
    serve([job(ANN, 2) for _ in range(5)], order)
    served = serve([job(ANN, 2), job(BEN, 9), job(CLEO, 1), job(BEN, 9), job(CLEO, 1)], order)
    assert [each.ticket.learner_id for each in served] == [BEN, CLEO, CLEO, ANN, BEN]


def test_work_that_is_given_up_costs_no_turn() -> None:
    order = TurnOrder()
    first, refused, ben = job(ANN), job(ANN, 9), job(BEN, 2)
    for each in (first, refused, ben):
        order.join(each)
    order.begin(first)
    order.give_up(refused)
    again = job(ANN)
    order.join(again)
    assert again.turn == refused.turn == 1


def test_a_long_queue_of_the_past_is_forgotten() -> None:
    order = TurnOrder()
    for number in range(100):
        serve([job(UUID(int=number), 1)], order)
        serve([job(UUID(int=number), 1)], order)
    assert len(order._next_turns) <= 2


def test_as_many_start_as_slots_are_free() -> None:
    jobs = [job(ANN), job(BEN), job(CLEO)]
    found = plan(jobs, [job(DAN, begun=0.5)], concurrency=3)
    assert (found.starting, found.waiting, found.refused) == (jobs[:2], jobs[2:], [])


def test_without_anything_to_do_nothing_happens() -> None:
    assert plan([], [job(DAN, begun=0.5)]) == plan([]) == Plan()


def test_what_can_start_at_once_is_never_refused() -> None:
    hopeless = job(ANN, 99)
    assert plan([hopeless], max_waiting=0).starting == [hopeless]


def test_what_ends_in_time_waits_and_what_does_not_is_refused() -> None:
    in_work = job(DAN, 4, begun=1)
    waits, late = job(ANN, 5, within=8), job(ANN, 5, within=7.5)
    assert plan([waits], [in_work]).waiting == [waits]
    found = plan([late], [in_work])
    assert not found.waiting
    [(refused, retry_after)] = found.refused
    assert refused is late
    assert retry_after == pytest.approx(0.5)


def test_the_wait_of_a_refusal_is_how_much_too_late_it_would_be() -> None:
    before = [job(learner, 5, within=99) for learner in (ANN, BEN)]
    [(_, retry_after)] = plan([*before, job(CLEO, 5)], [job(DAN, 5, begun=0)]).refused
    # It would end after 20 s, and has 12.
    assert retry_after == pytest.approx(8)


def test_who_retries_after_the_estimate_is_taken() -> None:
    before = [job(learner, 5, within=99) for learner in (ANN, BEN)]
    [(_, retry_after)] = plan([*before, job(CLEO, 5)], [job(DAN, 5, begun=0)]).refused
    running = Job(before[0].ticket, 5, started_at=NOW + 5)
    later = NOW + retry_after
    again = Job(Ticket(CLEO, later + 12.001), 5)
    found = plan_turns([before[1], again], [running], now=later, concurrency=1, max_waiting=100)
    assert again in found.waiting


def test_of_too_many_the_last_by_turn_are_refused() -> None:
    jobs = [job(learner) for learner in (ANN, BEN, CLEO)]
    jobs[0].turn = 1.0
    [(refused, retry_after)] = plan(jobs, [job(DAN, 2, begun=0)], max_waiting=2).refused
    assert refused is jobs[0]
    assert retry_after == pytest.approx(2)


def test_short_work_may_wait_where_long_work_may_not() -> None:
    long, short = job(ANN, 9), job(BEN, 1)
    found = plan([long, short], [job(DAN, 5, begun=0)])
    assert (found.waiting, [refused for refused, _ in found.refused]) == ([short], [long])


def test_what_takes_longer_than_estimated_goes_on_taking_time() -> None:
    hanging = job(DAN, 1, begun=10)
    waits, late = job(ANN, 5, within=7.1), job(ANN, 5, within=6.9)
    assert plan([waits], [hanging]).waiting == [waits]
    assert plan([late], [hanging]).refused[0].job is late


def test_work_that_should_have_ended_by_now_still_holds_its_slot() -> None:
    ending = job(DAN, 0.5, begun=0.5)
    found = plan([job(ANN)], [ending])
    assert (len(found.starting), len(found.waiting)) == (0, 1)


def test_a_learner_leaves_one_slot_to_others() -> None:
    anns = [job(ANN) for _ in range(4)]
    found = plan(anns, concurrency=3)
    assert (found.starting, found.waiting) == (anns[:2], anns[2:])
    ben = job(BEN)
    assert plan([*anns[2:], ben], [job(ANN, begun=0.1), job(ANN, begun=0.1)], concurrency=3).starting == [ben]


def test_where_there_is_one_slot_each_learner_may_have_it() -> None:
    ann = job(ANN)
    assert plan([ann]).starting == [ann]


def test_the_turn_of_a_learner_with_enough_in_work_begins_when_that_ends() -> None:
    waits, late = job(ANN, 5, within=8.5), job(ANN, 5, within=7.5)
    in_work = [job(ANN, 4, begun=1)]
    assert plan([waits], in_work, concurrency=2).waiting == [waits]
    assert plan([late], in_work, concurrency=2).refused[0].retry_after_seconds == pytest.approx(0.5)


def test_what_a_learner_has_waiting_does_not_delay_others_in_free_slots() -> None:
    in_work = [job(ANN, 10, begun=0), job(DAN, 1, begun=0)]
    ann, bens = job(ANN, 1, within=11.5), job(BEN, 1, within=2.5)
    found = plan([ann, bens, job(CLEO, 1, within=3.5)], in_work, concurrency=2)
    assert len(found.waiting) == 3
    assert not found.refused


def test_each_slot_has_its_own_line() -> None:
    in_work = [job(DAN, 4, begun=0), job(ANN, 4, begun=0)]
    found = plan([job(UUID(int=10 + each), 4) for each in range(6)], in_work, concurrency=2)
    # Two more in each slot end within 12 s.
    assert (len(found.waiting), len(found.refused)) == (4, 2)


def test_a_slot_that_is_cleaned_up_is_not_free_twice() -> None:
    first, retried, waiting = job(ANN, 0.0, begun=1), job(ANN, 5.0, begun=0), job(BEN, within=4)
    assert [refusal.job for refusal in plan([waiting], [first, retried]).refused] == [waiting]
