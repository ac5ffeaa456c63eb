-- A failover that cannot ask the cell's monitor promotes the replica by itself and makes a new monitor; a command
-- that was killed and is given again must go on in the same way, whatever answers by then.
ALTER TABLE primary_moves ADD COLUMN monitor_lost boolean NOT NULL DEFAULT false;
