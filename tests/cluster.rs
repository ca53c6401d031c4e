//! Three nodes on Redis behind HAProxy, with clients that record everything and a judge of the whole run.

mod balancer;
mod faults;
mod logins;
mod member;
mod run;
