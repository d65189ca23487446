"""Queues against a running service: making, joining, order, places, their cluster, and their functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import compute_config, job, job_queue
from jobs_jupyter.client import service as client_service
from jobs_jupyter.job.models import (
    JobConfig,
    JobQueueConfig,
    JobQueueExecutionMode,
    JobQueueSpec,
    JobState,
)
from jobs_jupyter.job_queue.models import ClusterState, JobQueueSortDirective, JobQueueState
from jobs_jupyter.models.errors import (
    ComputeConfigNotFoundError,
    InvalidRequestError,
    JobQueueNotFoundError,
    JobStateError,
)
from tests.jobs import eventually


def queued(entrypoint: str, *, priority: int | None = None, **spec: Any) -> str:
    given = {"idle_timeout_s": 60, "name": "line", **spec}
    config = JobQueueConfig(job_queue_spec=JobQueueSpec(**given), priority=priority)
    return job.submit(JobConfig(entrypoint=entrypoint, job_queue_config=config, max_retries=0))


def targeted(entrypoint: str, queue: str = "line", **more: Any) -> str:
    config = JobQueueConfig(target_job_queue_name=queue)
    return job.submit(JobConfig(entrypoint=entrypoint, job_queue_config=config, **{"max_retries": 0, **more}))


def until(path: Path) -> str:
    return f"while [ ! -e {path} ]; do sleep 0.02; done"


@pytest.mark.parametrize(("mode", "order"), [("FIFO", "abcd"), ("LIFO", "dcba"), ("PRIORITY", "cadb")])
def test_the_order_of_a_line(mode: str, order: str, service: Path, tmp_path: Path) -> None:
    first = queued(until(tmp_path / "go"), execution_mode=mode)
    job.wait(id=first, state=JobState.RUNNING)
    priorities = {"a": 5, "b": None, "c": 0, "d": 5}
    ids = {
        n: queued(f"echo {n} >> {tmp_path}/order", priority=p, execution_mode=mode)
        for n, p in priorities.items()
    }
    places = {name: job.status(id=ids[name]).reason for name in order}
    assert list(places.values()) == [f"queued: {place} in line" for place in ("1st", "2nd", "3rd", "4th")]
    (tmp_path / "go").touch()
    for job_id in ids.values():
        job.wait(id=job_id)
    assert (tmp_path / "order").read_text().split() == list(order)


def test_places_and_retries(service: Path, tmp_path: Path) -> None:
    config = JobQueueConfig(job_queue_spec=JobQueueSpec(idle_timeout_s=60, name="line", max_concurrency=2))
    once = "echo $JOBS_JUPYTER_RUN_ATTEMPT; [ $JOBS_JUPYTER_RUN_ATTEMPT = 2 ] || exit 1"
    fails_first = f"{once}; {until(tmp_path / 'go')}"
    retried = job.submit(JobConfig(entrypoint=fails_first, job_queue_config=config, max_retries=1))
    second = targeted(until(tmp_path / "go"))
    third = targeted("true")
    eventually(lambda: len(job.status(id=retried).runs) == 2)  # it kept its place meanwhile
    assert job.status(id=second).state == JobState.RUNNING
    assert (job.status(id=third).state, job.status(id=third).reason) == (
        JobState.STARTING,
        "queued: 1st in line",
    )
    job_queue.update(name="line", max_concurrency=3)
    job.wait(id=third)
    (tmp_path / "go").touch()
    job.wait(id=retried)
    job.wait(id=second)
    status = job_queue.status(name="line")
    assert (status.total_jobs, status.active_jobs, status.successful_jobs, status.failed_jobs) == (3, 0, 3, 0)


def test_joining(service: Path, tmp_path: Path) -> None:
    first = queued("true", max_concurrency=2)
    queued("true", max_concurrency=2)  # the same
    config = JobQueueConfig(job_queue_spec=JobQueueSpec(idle_timeout_s=60, name="line"))
    job.submit(JobConfig(entrypoint="true", job_queue_config=config))  # what was left out does not count
    assert job_queue.status(name="line").total_jobs == 3
    with pytest.raises(
        InvalidRequestError, match=r"'line' has max_concurrency=2; this job's spec has max_concurrency=5"
    ):
        queued("true", max_concurrency=5)
    with pytest.raises(InvalidRequestError, match=r"execution_mode='FIFO'.*execution_mode='LIFO'"):
        queued("true", execution_mode="LIFO")
    with pytest.raises(JobQueueNotFoundError, match=r"no job queue 'lime'.*its queues: line.*mean 'line'"):
        targeted("true", queue="lime")
    with pytest.raises(ComputeConfigNotFoundError, match=r"'big'; there are none"):
        queued("true", name="other", compute_config="big:1")
    with pytest.raises(InvalidRequestError, match="priority=5 is a place in a queue"):
        job.submit(JobConfig(entrypoint="true", job_queue_config=JobQueueConfig(priority=5)))
    anonymous = [queued("true", name=None, idle_timeout_s=7) for _ in range(2)]
    assert len(list(job_queue.list())) == 2
    assert {job_queue.status(id=queue.id).total_jobs for queue in job_queue.list()} == {2, 3}
    other = JobQueueConfig(job_queue_spec=JobQueueSpec(idle_timeout_s=1, name="line"))
    job.submit(JobConfig(entrypoint="true", project="elsewhere", job_queue_config=other))  # another project's
    assert [queue.project for queue in job_queue.list(project="elsewhere")] == ["elsewhere"]
    for job_id in [first, *anonymous]:
        job.wait(id=job_id)


def test_archive_terminate_delete(service: Path, tmp_path: Path) -> None:
    running = queued(until(tmp_path / "go"))
    waiting = targeted("true")
    job.wait(id=running, state=JobState.RUNNING)
    queue_id = job_queue.archive(name="line")
    assert job_queue.archive(id=queue_id) == queue_id
    assert job_queue.status(name="line").state == JobQueueState.SEALED
    with pytest.raises(InvalidRequestError, match="'line' is archived and takes no more jobs"):
        targeted("true")
    with pytest.raises(JobStateError, match="'line' has 2 jobs that are not terminal"):
        job_queue.delete(name="line")
    assert job_queue.terminate(name="line") == queue_id
    for job_id in (running, waiting):
        job.wait(id=job_id, state=JobState.TERMINATED, timeout_s=20)
    assert job.status(id=waiting).runs == []
    eventually(lambda: not job_queue.status(name="line").cluster_is_up)
    assert job_queue.delete(job_queue_id=queue_id) == queue_id
    assert job.status(id=running).state == JobState.TERMINATED
    with pytest.raises(JobQueueNotFoundError):
        job_queue.status(id=queue_id)


def test_what_a_queue_shares(service: Path, tmp_path: Path) -> None:
    spec: dict[str, Any] = {"idle_timeout_s": 1, "auto_termination_threshold_job_count": 2}
    count = f'ls "$JOBS_JUPYTER_QUEUE_DIR" | wc -l >> {tmp_path}/seen'
    script = f'{count}; touch "$JOBS_JUPYTER_QUEUE_DIR/$JOBS_JUPYTER_JOB_ID"'
    for job_id in [queued(script, **spec) for _ in range(3)]:
        job.wait(id=job_id)
    assert (tmp_path / "seen").read_text().split() == ["0", "1", "0"]  # the third has a fresh one
    assert job_queue.status(name="line").cluster_is_up
    eventually(lambda: not job_queue.status(name="line").cluster_is_up)
    eventually(lambda: not list((service / "queues").glob("*")))


def test_a_waiting_job_is_told_when_it_moves_up(service: Path, tmp_path: Path) -> None:
    from jobs_jupyter.client.feed import Feed

    ids = [queued(until(tmp_path / str(number))) for number in range(4)]
    seen: list[str | None] = []
    feed = Feed()
    try:
        feed.watch(ids[3], lambda view: seen.append(view["reason"]))
        for number in range(3):
            place = ("3rd", "2nd", "1st")[number]
            eventually(lambda place=place: f"queued: {place} in line" in seen)  # type: ignore[misc]
            (tmp_path / str(number)).touch()
    finally:
        (tmp_path / "3").touch()
        feed.close()
    job.wait(id=ids[3])


def test_a_job_that_waits_can_be_stopped_and_leaves_nothing(service: Path, tmp_path: Path) -> None:
    first = queued(until(tmp_path / "go"))
    waiting = targeted("true")
    job.terminate(id=waiting)
    status = job.status(id=waiting)
    assert (status.state, status.runs) == (JobState.TERMINATED, [])
    eventually(lambda: not (service / f"jobs/{waiting}/environment.json").exists())
    (tmp_path / "go").touch()
    job.wait(id=first)


def test_wrong_arguments(home: Path) -> None:
    with pytest.raises(ValueError, match="name or its id"):
        job_queue.status()
    with pytest.raises(ValueError, match="not both"):
        job_queue.status(name="a", id="b")
    with pytest.raises(ValueError, match="what to change"):
        job_queue.update(name="a")
    with pytest.raises(TypeError):
        job_queue.status(name=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="project must be a string, not 3"):
        job_queue.list(project=3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="project is empty"):
        job_queue.list(project="")
    assert not home.exists()


def test_wrong_arguments_about_a_queue_that_is_there(service: Path) -> None:
    job.wait(id=queued("true", name="team/line"))
    for wrong, said in (
        ({"max_concurrency": 0}, "max_concurrency must be a whole number of at least 1, not 0"),
        ({"max_concurrency": True}, "of at least 1, not True"),
        ({"max_concurrency": 2**31}, "of at most 2,147,483,647, not 2147483648"),
        ({"idle_timeout_s": -1}, "idle_timeout_s must be a whole number of at least 0, not -1"),
        ({"idle_timeout_s": 2**31}, "of at most 2,147,483,647, not 2147483648"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            job_queue.update(name="team/line", **wrong)
    with pytest.raises(JobQueueNotFoundError, match="A queue has that name: pass name='team/line' instead"):
        job_queue.status(id="team/line")
    with pytest.raises(JobQueueNotFoundError, match=r"no job queue with the id '\.\./jobs'"):
        job_queue.delete(id="../jobs")


def cluster_is_down(queue: str) -> bool:
    return not job_queue.status(name=queue).cluster_is_up


def test_an_idle_cluster_stops_when_it_is_told_to(service: Path) -> None:
    """By a shorter idle timeout, by terminating the queue, and at once where the timeout is 0."""
    specs = {"changed": 3600, "ended": 3600, "hasty": 0, "waited": 3600}
    for name, idle_timeout_s in specs.items():
        job.wait(id=queued("true", name=name, idle_timeout_s=idle_timeout_s))
    eventually(lambda: cluster_is_down("hasty"))
    assert not cluster_is_down("changed")
    job_queue.update(name="changed", idle_timeout_s=0)
    job_queue.terminate(name="ended")
    for name in ("changed", "ended"):
        eventually(lambda name=name: cluster_is_down(name))  # type: ignore[misc]
    eventually(lambda: len(list((service / "queues").glob("*"))) == 1)


def test_a_cluster_is_replaced_between_jobs(service: Path, tmp_path: Path) -> None:
    """Three at a time and four for each cluster: the fourth is alone with nobody of the next one."""
    say = f"echo $JOBS_JUPYTER_QUEUE_DIR >> {tmp_path}/clusters; {until(tmp_path / 'go')}"
    threshold = {"max_concurrency": 3, "auto_termination_threshold_job_count": 4}
    jobs = [queued(say, **threshold) for _ in range(6)]
    for job_id in jobs[:3]:
        job.wait(id=job_id, state=JobState.RUNNING)
    (tmp_path / "go").touch()
    for job_id in jobs:
        job.wait(id=job_id)
    clusters = [Path(text).name for text in (tmp_path / "clusters").read_text().split()]
    assert clusters == ["1"] * 4 + ["2"] * 2
    (queue,) = (service / "queues").glob("*")
    eventually(lambda: [kept.name for kept in queue.glob("*")] == ["2"])


def test_those_in_an_archived_queue_go_on_and_a_retry_is_not_overtaken(service: Path, tmp_path: Path) -> None:
    fails_first = f"echo first >> {tmp_path}/order; [ $JOBS_JUPYTER_RUN_ATTEMPT = 2 ]"
    spec = JobQueueSpec(name="line", idle_timeout_s=60, execution_mode=JobQueueExecutionMode.PRIORITY)
    config = JobQueueConfig(job_queue_spec=spec, priority=5)
    retried = job.submit(JobConfig(entrypoint=fails_first, job_queue_config=config, max_retries=1))
    job.wait(id=retried, state=JobState.RUNNING)
    urgent = queued(f"echo urgent >> {tmp_path}/order", priority=0, execution_mode="PRIORITY")
    last = queued(f"echo last >> {tmp_path}/order", priority=2**63 - 1, execution_mode="PRIORITY")
    job_queue.archive(name="line")
    for job_id in (retried, urgent, last):
        job.wait(id=job_id)
    assert (tmp_path / "order").read_text().split() == ["first", "first", "urgent", "last"]
    status = job_queue.status(name="line")
    assert (status.successful_jobs, status.failed_jobs, status.active_jobs) == (3, 0, 0)


def test_a_job_on_an_idle_machine_waits_for_nothing(service: Path) -> None:
    from jobs_jupyter.client.http import client

    made = client.json("POST", "/v1/jobs", body={"config": {"entrypoint": "true"}})
    assert made.get("reason") is None
    job.wait(id=made["id"])


def test_terminating_a_queue_ends_those_that_run_that_retry_and_that_wait(service: Path) -> None:
    running = queued("sleep 600", max_concurrency=2)
    config = JobQueueConfig(target_job_queue_name="line")
    retrying = job.submit(JobConfig(entrypoint="exit 1", job_queue_config=config, max_retries=9))
    waiting = targeted("true")
    job.wait(id=running, state=JobState.RUNNING)
    eventually(lambda: "follows after" in (job.status(id=retrying).reason or ""))
    assert job.status(id=waiting).reason == "queued: 1st in line"
    job_queue.terminate(name="line")
    runs = {}
    for job_id in (running, retrying, waiting):
        job.wait(id=job_id, state=JobState.TERMINATED, timeout_s=20)
        runs[job_id] = [run.state for run in job.status(id=job_id).runs]
    assert (runs[running], runs[waiting], set(runs[retrying])) == (["FAILED"], [], {"FAILED"})
    eventually(lambda: cluster_is_down("line"))
    status = job_queue.status(name="line")
    assert (status.state, status.active_jobs, status.failed_jobs) == (JobQueueState.ACTIVE, 0, 3)


def test_a_lowered_max_concurrency_holds_from_then_on(service: Path, tmp_path: Path) -> None:
    first, second, third = [queued(until(tmp_path / str(n)), max_concurrency=3) for n in range(3)]
    waiting = [queued(until(tmp_path / "last")) for _ in range(2)]
    for job_id in (first, second, third):
        job.wait(id=job_id, state=JobState.RUNNING)
    assert job_queue.update(name="line", max_concurrency=1).max_concurrency == 1
    assert job_queue.status(name="line").max_concurrency == 1
    assert job.status(id=third).state == JobState.RUNNING  # those that run go on
    for number, ends in enumerate((first, second)):
        (tmp_path / str(number)).touch()
        job.wait(id=ends)
        assert [job.status(id=job_id).reason for job_id in waiting] == [
            "queued: 1st in line",
            "queued: 2nd in line",
        ]
    (tmp_path / "2").touch()
    job.wait(id=waiting[0], state=JobState.RUNNING)
    assert job.status(id=waiting[1]).reason == "queued: 1st in line"
    (tmp_path / "last").touch()
    for job_id in (third, *waiting):
        job.wait(id=job_id)


def test_what_a_queue_counts_and_what_stays_when_it_is_deleted(service: Path, tmp_path: Path) -> None:
    outcomes = {"fine": "echo kept", "bad": "exit 3", "stopped": "sleep 600"}
    ids = {name: queued(entrypoint, max_concurrency=5) for name, entrypoint in outcomes.items()}
    active = queued(until(tmp_path / "go"))
    job.wait(id=ids["stopped"], state=JobState.RUNNING)
    job.terminate(id=ids["stopped"])
    states = {"fine": "SUCCEEDED", "bad": "FAILED", "stopped": "TERMINATED"}
    for name, state in states.items():
        job.wait(id=ids[name], state=state, timeout_s=20)
    status = job_queue.status(name="line")
    known = status.to_dict()
    assert known.pop("id").startswith("jobqueue_")
    assert known.pop("creator_id") == job.status(id=active).creator_id
    assert known.pop("created_at") == job.status(id=ids["fine"]).to_dict()["created_at"]
    assert known == {
        "name": "line",
        "state": "ACTIVE",
        "execution_mode": "FIFO",
        "max_concurrency": 5,
        "idle_timeout_s": 60,
        "project": "default",
        "total_jobs": 4,
        "active_jobs": 1,
        "successful_jobs": 1,
        "failed_jobs": 2,
        "cluster_is_up": True,
    }
    (tmp_path / "go").touch()
    job.wait(id=active)
    job.delete(id=active)
    assert job_queue.status(name="line").total_jobs == 3

    job_queue.delete(name="line")
    assert list(job_queue.list()) == []
    assert {each.id: each.state for each in job.list()} == {ids[n]: s for n, s in states.items()}
    assert job.get_logs(id=ids["fine"]) == "kept\n"
    client_service.stop()  # the next one has never heard of the queue
    job.add_tags(job_id=ids["fine"], tags={"kept": "yes"})
    echoed = job.status(id=ids["bad"]).config.job_queue_config
    assert echoed is not None
    assert echoed.job_queue_spec is not None
    again = queued("true", execution_mode="LIFO")  # the name is free, and the other queue forgotten
    job.wait(id=again)
    assert job_queue.status(name="line").total_jobs == 1
    for job_id in ids.values():
        job.delete(id=job_id)
    assert [each.id for each in job.list()] == [again]


def test_a_compute_config_that_is_archived_stays_with_the_jobs_that_have_it(
    service: Path, tmp_path: Path
) -> None:
    compute_config.create({"min_resources": {"CPU": 1, "memory": 2**26}}, name="small")
    first = queued(until(tmp_path / "go"), compute_config="small")
    waiting = targeted("true", compute_config="small")
    once = f"touch {tmp_path}/failed; [ $JOBS_JUPYTER_RUN_ATTEMPT = 2 ]"
    retrying = job.submit(JobConfig(entrypoint=once, compute_config="small", max_retries=1))
    job.wait(id=first, state=JobState.RUNNING)
    eventually(lambda: job.status(id=retrying).runs and job.status(id=retrying).runs[0].state == "FAILED")
    compute_config.archive("small")
    with pytest.raises(InvalidRequestError, match="'small' is archived"):
        targeted("true")
    (tmp_path / "go").touch()
    for job_id in (first, waiting, retrying):
        job.wait(id=job_id, timeout_s=20)
    assert len(job.status(id=retrying).runs) == 2


def test_the_program_that_made_a_queue_joins_it_after_an_update(service: Path) -> None:
    """What it was made with is no contradiction, and the update stays; any other spec is one."""
    made = {"idle_timeout_s": 5, "max_concurrency": 2}
    first = queued("true", **made)
    job_queue.update(name="line", idle_timeout_s=9, max_concurrency=3)
    client_service.stop()  # it is kept on disk
    again = queued("true", **made)
    left_out = queued("true", idle_timeout_s=5)
    as_it_is = queued("true", idle_timeout_s=9, max_concurrency=3)
    queue = job_queue.status(name="line")
    assert (queue.idle_timeout_s, queue.max_concurrency, queue.total_jobs) == (9, 3, 4)
    for other in ({"idle_timeout_s": 6}, {**made, "max_concurrency": 3}, {**made, "execution_mode": "LIFO"}):
        with pytest.raises(InvalidRequestError, match=r"The queue 'line' has .*; this job's spec has"):
            queued("true", **other)
    for nameless in (queued("true", name=None, **made), queued("true", name=None, **made)):
        (queue,) = [each for each in job_queue.list() if each.name is None]
        job_queue.update(id=queue.id, idle_timeout_s=9)
        job.wait(id=nameless)
    assert job_queue.status(queue.id).total_jobs == 2
    for job_id in (first, again, left_out, as_it_is):
        job.wait(id=job_id)


def test_lists_of_queues(service: Path) -> None:
    """Filters, orders and pages; a queue that goes meanwhile neither repeats nor drops another."""
    for name in "badc":
        job.wait(id=queued("true", name=name, idle_timeout_s=0 if name == "a" else 60))
    job_queue.archive(name="c")
    eventually(lambda: cluster_is_down("a"))
    by_name = [JobQueueSortDirective(sort_field="name", sort_order="desc")]  # type: ignore[arg-type]

    def names(**asked: Any) -> list[str | None]:
        return [queue.name for queue in job_queue.list(**asked)]

    assert names() == ["d", "a", "b"]
    assert names(include_archived=True) == ["c", "d", "a", "b"]
    assert names(sorting_directives=by_name, page_size=1) == ["d", "b", "a"]
    assert names(sorting_directives=[{"sort_field": "CLUSTER_STATE", "sort_order": "ASC"}, *by_name]) == [
        "d",
        "b",
        "a",
    ]
    assert names(page_size=2, max_items=3, include_archived=True) == ["c", "d", "a"]
    assert names(cluster_status="Terminated") == ["a"]
    assert names(cluster_status=ClusterState.RUNNING) == ["d", "b"]
    assert names(name="b", project="default", cloud="local") == ["b"]
    queue = job_queue.status(name="c")
    assert names(job_queue_id=queue.id) == ["c"]
    assert names(creator_id=queue.creator_id) == ["d", "a", "b"]
    assert names(creator_id="nobody") == []
    assert "Name" in repr(job_queue.list())
    assert repr(job_queue.list(name="nope")) == "No job queues."
    pages = iter(job_queue.list(page_size=1))
    assert next(pages).name == "d"
    job_queue.delete(name="d")
    assert [each.name for each in pages] == ["a", "b"]
    for wrong, said in (
        ({"cloud": "nope"}, "no cloud 'nope'"),
        ({"cluster_status": "Broken"}, "RUNNING, TERMINATED"),
        ({"page_size": 101}, "from 1 to 100"),
        ({"sorting_directives": [{"sort_field": "SIZE", "sort_order": "ASC"}]}, "'SIZE' is unknown"),
    ):
        with pytest.raises(ValueError, match=said):
            job_queue.list(**wrong)
    with pytest.raises(TypeError, match="JobQueueSortDirectives, not 'NAME'"):
        job_queue.list(sorting_directives=["NAME"])  # type: ignore[list-item]


def test_a_queue_is_meant_as_in_the_hosted_services_sdk(service: Path) -> None:
    job.wait(id=queued("true"))
    queue = job_queue.status(name="line", cloud="local", project="default")
    assert job_queue.status(queue.id) == job_queue.status(job_queue_id=queue.id) == queue
    assert job_queue.update(job_queue_name="line", max_concurrency=4).max_concurrency == 4
    with pytest.raises(ValueError, match="no cloud 'nope'"):
        job_queue.status(name="line", cloud="nope")
    with pytest.raises(ValueError, match="leave out cloud and project"):
        job_queue.status(queue.id, cloud="local")
    job_queue.archive(name="line", cloud="local")
    with pytest.raises(JobQueueNotFoundError, match=r"is archived\. Find it with include_archived=True"):
        job_queue.status(name="line", include_archived=False)
    assert job_queue.status(queue.id, include_archived=False).state == JobQueueState.SEALED


def test_tags_of_queues(service: Path) -> None:
    job.wait(id=queued("true"))
    job.wait(id=queued("true", name="other"))
    assert job_queue.list_tags(name="line") == {}
    job_queue.add_tags(name="line", tags={"team": "a", "use": "x"})
    job_queue.add_tags(job_queue_id=job_queue.status(name="line").id, tags={"team": "b"})
    job_queue.add_tags(name="other", tags={"team": "b"})
    client_service.stop()
    assert job_queue.list_tags(name="line") == job_queue.status(name="line").tags == {"team": "b", "use": "x"}
    assert [each.name for each in job_queue.list(tags_filter={"team": ["a", "b"], "use": ["x"]})] == ["line"]
    job_queue.remove_tags(name="line", keys=["use", "never"])
    assert job_queue.list_tags(name="line") == {"team": "b"}
    for wrong in ({}, {"a b": "c"}, {"a": "\n"}):
        with pytest.raises(ValueError, match="tag"):
            job_queue.add_tags(name="line", tags=wrong)
    with pytest.raises(ValueError, match="keys is empty"):
        job_queue.remove_tags(name="line", keys=[])
    with pytest.raises(JobQueueNotFoundError):
        job_queue.list_tags(name="nope")
