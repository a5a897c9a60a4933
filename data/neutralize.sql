-- A neutralized copy keeps its records and loses what could reach the outside: secrets and addresses.
UPDATE hub_credential SET envelope = NULL, previous_envelope = NULL, previous_until = NULL;
UPDATE hub_system SET paused = true, state = 'draft', webhook_token = md5(random()::text || clock_timestamp()::text);
