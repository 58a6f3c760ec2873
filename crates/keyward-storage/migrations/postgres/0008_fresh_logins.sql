-- Whether a browser was sent to log in anew, whoever is logged in there already.
ALTER TABLE login_attempts ADD COLUMN fresh BOOLEAN NOT NULL DEFAULT FALSE;
