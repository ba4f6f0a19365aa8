-- A deployment deploys a commit of a branch or, new, a ready image: then it has no branch and no commit.
-- A column that must not be NULL is made anew where it may be.
ALTER TABLE deployments ADD COLUMN source_image TEXT;

ALTER TABLE deployments ADD COLUMN of_host TEXT;
UPDATE deployments SET of_host = source_host;
ALTER TABLE deployments DROP COLUMN source_host;
ALTER TABLE deployments RENAME COLUMN of_host TO source_host;

ALTER TABLE deployments ADD COLUMN of_repo TEXT;
UPDATE deployments SET of_repo = source_repo;
ALTER TABLE deployments DROP COLUMN source_repo;
ALTER TABLE deployments RENAME COLUMN of_repo TO source_repo;

ALTER TABLE deployments ADD COLUMN of_branch TEXT;
UPDATE deployments SET of_branch = source_branch;
ALTER TABLE deployments DROP COLUMN source_branch;
ALTER TABLE deployments RENAME COLUMN of_branch TO source_branch;

ALTER TABLE deployments ADD COLUMN of_commit TEXT;
UPDATE deployments SET of_commit = source_commit;
ALTER TABLE deployments DROP COLUMN source_commit;
ALTER TABLE deployments RENAME COLUMN of_commit TO source_commit;
