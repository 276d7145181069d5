CREATE TABLE jobs (id bigserial PRIMARY KEY, text text NOT NULL, state text NOT NULL DEFAULT 'queued', submitted_by text, result text, worker text, created_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz);
CREATE INDEX jobs_open ON jobs (id) WHERE state <> 'done';
CREATE TABLE memories (id bigserial PRIMARY KEY, text text NOT NULL);
CREATE TABLE counters (service text PRIMARY KEY, n bigint NOT NULL);
