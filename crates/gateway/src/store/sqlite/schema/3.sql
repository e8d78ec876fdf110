-- An otpauth link to deliver with the enrolment, sealed under the offer's code, which is not in this file. Gone once it is used.
ALTER TABLE offers ADD COLUMN otp BLOB;
