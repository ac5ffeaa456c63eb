-- Where to a cell is on its way; a command that was killed and is given again must not turn round.
ALTER TABLE primary_moves ADD COLUMN to_site text CHECK (to_site IN ('a', 'b'));
