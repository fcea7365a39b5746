// Mail from this machine may go anywhere. Nobody else gets in: config/smtp.ini listens on loopback only.

exports.hook_connect = (next, connection) => {
  connection.relaying = true;
  next();
};

exports.hook_rcpt = (next) => next(OK);
