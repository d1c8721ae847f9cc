//! The same suite over every queue; what only a broker can do is in `broker`.

#[cfg(feature = "outside-parts")]
mod broker;
mod contract;

use super::*;

/// Within the process, and the limits of the default configuration.
pub(super) fn config() -> QueueConfig {
    crate::Config::in_dir("/unused").unwrap().queue
}

pub(super) fn bell(priority: Priority) -> Doorbell {
    Doorbell {
        job: JobId::new(),
        class: Class::Cpu,
        priority,
        traceparent: None,
    }
}

mod in_process {
    use super::*;

    fn queue() -> Queue {
        Queue::open(&config()).unwrap()
    }

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::order(&queue()).await;
        contract::every_slot_gets_one(&queue()).await;
        contract::giving_up_loses_nothing(&queue()).await;
        contract::closing(&queue()).await;
    }

    #[tokio::test]
    async fn a_job_that_waits_is_not_put_in_twice() {
        let queue = queue();
        let bell = bell(Priority::Normal);
        for _ in 0..3 {
            queue.ring(&bell).await.unwrap();
        }
        assert_eq!(contract::waiting(&queue).await, 1);
        assert_eq!(queue.next().await.unwrap().job, bell.job);
        assert_eq!(contract::waiting(&queue).await, 0);
        queue.ring(&bell).await.unwrap();
        assert_eq!(queue.next().await.unwrap().job, bell.job);
    }
}
