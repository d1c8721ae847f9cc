//! The real servers that the tests talk to: started once, ended with the process that started them.
