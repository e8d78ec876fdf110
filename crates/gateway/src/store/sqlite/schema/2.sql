-- Reports of approvals that had ended.

ALTER TABLE decisions ADD COLUMN reported_at INTEGER; -- if it reported an approval that had ended: when the device first did
