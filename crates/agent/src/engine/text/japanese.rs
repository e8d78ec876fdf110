//! Japanese, in the polite form. It has no plural.

use super::catalogue::Catalogue;

pub(super) const TEXTS: Catalogue = Catalogue {
    review: "確認",
    deny: "拒否",
    approve: "承認",
    deny_all: "すべて拒否",
    report_step: "私ではありません",
    show: "表示",
    unlock: "ロックを解除…",
    check: "診断",

    request: "承認リクエスト",
    open_it: "開いて内容を確認してください。",
    asks: |client| format!("{client} が承認を求めています"),
    this_computer: "このコンピューター",
    another_device: "別のデバイス",
    several: |count| format!("承認リクエスト {count} 件"),
    one_by_one: "1 件ずつ開いてください。",
    oldest: |client| format!("最も古いもの: {client}"),
    oldest_asks: |client, what| format!("最も古いもの: {client}、{what}"),

    held: "リクエストを保留しました",
    held_many: "一度に多数届きました。何も承認されていません。",
    held_count: |count| format!("リクエスト {count} 件を保留しました"),
    held_from: |client| format!("1 分以内に {client} から届きました。何も承認されていません。"),

    answered: "回答済みです",
    answered_elsewhere: "別のデバイスで先に回答されました。",
    already_approved: "承認済みです",
    already_denied: "拒否済みです",
    about: |who, what| format!("{who}: {what}"),
    expired: "リクエストの期限が切れました",
    nothing_approved: "何も承認されていません。",
    expired_at: |client, time| format!("{client}、{time}。何も承認されていません。"),
    denied: "拒否しました",
    details_in_app: "詳細は Countersign で確認できます。",

    unsent: "回答はまだ送信されていません",
    no_connection: "接続がありません。",
    approval_unsent: "承認はまだ送信されていません",
    denial_unsent: "拒否はまだ送信されていません",
    report_unsent: "報告はまだ送信されていません",
    time_left: |host, left| format!("{host} に接続できません。残り {left}。"),
    not_approved: "承認されませんでした",
    see_why: "開いて理由を確認してください。",
    wrong_code: "コードが一致しませんでした。",
    attempts_left: |count| {
        format!("コードが一致しませんでした。このアカウントで試せるのはあと {count} 回です。")
    },
    too_many_codes: "コードの間違いが多すぎます。管理者にロックの解除を依頼してください。",

    account_removed: "アカウントが削除されました",
    see_which: "どれかは Countersign で確認できます。",
    removed_by: |issuer| format!("{issuer} がこのコンピューターを削除しました"),
    no_longer_approves: |account| format!("{account} の承認はもうできません。"),
    locked_out: "Countersign は鍵を読み取れません",
    unlock_keyring: "リクエストに回答するにはキーリングのロックを解除してください。",
    keyring_locked: "キーリングがロックされています。アカウントは残っています。",
    keyring_missing: "キーリングのサービスが応答しません。アカウントは残っています。",
    key_missing: "キーリングに鍵がありません。キーリングを復元するか、登録し直してください。",
    keyring_hanging: "キーリングが応答しません。アカウントは残っています。",

    pay: |amount, payee| format!("{payee} に {amount} を送金"),
    pay_amount: |amount| format!("{amount} を送金"),
    access: |resource| format!("{resource} を開く"),
    export: |dataset| format!("{dataset} をエクスポート"),
    deploy: |service| format!("{service} をデプロイ"),
    deploy_to: |service, environment| format!("{service} を {environment} にデプロイ"),
    sign_in: "サインインしていることを確認",

    full_stop: "。",
    between: "",
    sum: |sum| sum.currency_first(",", "."),
};
