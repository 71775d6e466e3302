-- Roles for a queue in PostgreSQL. Run this in the database of the queue, after kubeque has created its tables:
--
--     psql -v ON_ERROR_STOP=1 -f deploy/postgres-roles.sql "$OWNER_URL"
--
-- The user must own the tables and be allowed to create roles. The file can run again. Then give each role to logins:
--
--     CREATE ROLE ann LOGIN PASSWORD '...' IN ROLE kubeque_submit;
--
-- kubeque_submit  submits, changes and removes jobs, and does all that the other roles do
-- kubeque_work    is for consumers: takes tasks and records outcomes; it cannot submit or remove jobs
-- kubeque_look    reads only

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['kubeque_submit', 'kubeque_work', 'kubeque_look'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
    END LOOP;
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
END
$$;

REVOKE ALL ON kubeque_schema, kubeque_job, kubeque_block FROM PUBLIC, kubeque_submit, kubeque_work, kubeque_look;

GRANT SELECT ON kubeque_schema, kubeque_job, kubeque_block TO kubeque_submit, kubeque_work, kubeque_look;

-- A consumer records the sizes of a job, its end and its requests in the job, and divides blocks.
GRANT UPDATE (fleet, body, version) ON kubeque_job TO kubeque_work;
GRANT INSERT ON kubeque_block TO kubeque_work;
GRANT UPDATE (slot, expires, spare, tally, pending, body, version) ON kubeque_block TO kubeque_work;

-- A consumer deletes only the block with which it tests that the database refuses stale writes.
GRANT DELETE ON kubeque_block TO kubeque_work;

CREATE OR REPLACE FUNCTION kubeque_refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.uid NOT LIKE 'selftest-%' AND pg_has_role(current_user, 'kubeque_work', 'USAGE')
        AND NOT pg_has_role(current_user, 'kubeque_submit', 'USAGE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'permission denied: kubeque_work deletes no block of a job';
    END IF;
    RETURN OLD;
END
$$;

DROP TRIGGER IF EXISTS kubeque_refuse_deletion ON kubeque_block;
CREATE TRIGGER kubeque_refuse_deletion BEFORE DELETE ON kubeque_block
    FOR EACH ROW EXECUTE FUNCTION kubeque_refuse_deletion();

GRANT INSERT, UPDATE, DELETE ON kubeque_job, kubeque_block TO kubeque_submit;
