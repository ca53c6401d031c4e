//! Three nodes on Redis behind HAProxy, with clients that record everything and a judge of the whole run.

mod announcer;
mod balancer;
mod damage;
mod faults;
mod logins;
mod member;
mod run;
