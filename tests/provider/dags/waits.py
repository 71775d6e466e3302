"""Submissions with and without a sensor, in each way in which a DAG can connect them.

In a run, each submission returns its pointer; the counts in it show whether the submission waited.
"""

import pendulum
from airflow.providers.common.compat.sdk import DAG, TaskGroup, task, task_group

from kubeque_provider.operators.fetch import KubequeFetchOperator
from kubeque_provider.operators.reset import KubequeResetOperator
from kubeque_provider.operators.submit import KubequeSubmitOperator
from kubeque_provider.sensors.job import KubequeJobSensor

SLOW = {"command": ["/bin/sleep", "1.5"]}
START = pendulum.datetime(2026, 1, 1)


def submit(task_id, **fields):
    return KubequeSubmitOperator(task_id=task_id, **SLOW, **fields)


def sensor(task_id, job_id):
    return KubequeJobSensor(task_id=task_id, job_id=job_id, poke_interval=0.1)


@task
def gives(value):
    return value


with DAG("waits", schedule=None, start_date=START) as waits:
    # A sensor of another submission does not count.
    submit("alone")
    fetched = submit("fetched")
    KubequeFetchOperator(task_id="fetch", job_id=fetched.output, dest="/tmp/{{ run_id }}/fetched")
    first, second = submit("first"), submit("second")
    sensor("wait_second", second.output) << first
    named, other = submit("named", job_id="named-{{ ts_nodash }}"), submit("other", job_id="other-{{ ts_nodash }}")
    sensor("wait_other", "other-{{ ts_nodash }}") << [named, other]
    pulled, quiet = submit("pulled"), submit("quiet")
    sensor("wait_pulled", "{{ ti.xcom_pull('pulled', key='job_id') }}") << [pulled, quiet]
    sensor("wait_literal", "the_job") << submit("literal", job_id="the_job")

    # The sensor is behind other operators, in a group, or mapped.
    far = submit("far")
    sensor("wait_far", KubequeResetOperator(task_id="reset", job_id=far.output).output)
    sensor("wait_through", gives.override(task_id="passes")(submit("through").output))
    with TaskGroup("group"):
        sensor("wait_inner", submit("inner").output)
    mapped = KubequeSubmitOperator.partial(task_id="mapped", **SLOW).expand(env=[{"A": "1"}, {"A": "2"}])
    KubequeJobSensor.partial(task_id="wait_mapped", poke_interval=0.1).expand(job_id=mapped.output)

    @task_group
    def each(env):
        sensor("wait_one", submit("one", env=env).output)

    each.expand(env=[{"A": "1"}])

    @task.kubeque(parameters=[{"x": 1}])
    def function(x: int) -> int:
        return x

    function.override(task_id="function_alone")()
    sensor("wait_function", function())

    sensor("wait_both", submit("both", wait=True).output)
    submit("neither", wait=False)

with DAG("waits_small", schedule=None, start_date=START) as small:
    submit("alone", poke_interval=0.1)
    found = KubequeSubmitOperator.partial(task_id="mapped", **SLOW).expand(env=[{"A": "1"}])
    KubequeJobSensor.partial(task_id="wait_mapped", poke_interval=0.1).expand(job_id=found.output)

with DAG("waits_cleared", schedule=None, start_date=START) as cleared:
    rerun = KubequeSubmitOperator(task_id="rerun", command=["/bin/sh", "-c", "! test -e $HOME/bad"], poke_interval=0.1)
    sensor("wait_rerun", rerun.output)
