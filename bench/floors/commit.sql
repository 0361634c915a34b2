\set c random(1, 100000)
INSERT INTO message (conversation, body) VALUES (:c, 'Hello, this is a message of a usual length for a support chat, about a hundred bytes long, is it?');
