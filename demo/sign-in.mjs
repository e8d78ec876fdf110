// The provider's one page.

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/**
 * @param user what is in the first field
 * @param known the demonstration's password, which the page gives away
 * @param wrong whether the last attempt failed
 */
export function signInPage({ bank, user, known, wrong = false }) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Log in to ${escape(bank)}</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main class="narrow">
<h1>Log in to ${escape(bank)}</h1>
<form method="post" class="card">
${wrong ? '<p class="error" role="alert">Name and password do not match.</p>' : ''}
<label for="user">E-mail</label>
<input id="user" name="user" type="email" autocomplete="username" required value="${escape(user)}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Log in</button>
<p class="hint">This is a demonstration: the password is <kbd>${escape(known)}</kbd>.</p>
</form>
</main>
</body>
</html>
`;
}
