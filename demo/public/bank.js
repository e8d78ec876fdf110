// The page. It knows three things: who is logged in, the step-up that is going on, how the last one ended.

const $ = (id) => document.getElementById(id);
const money = (value) => new Intl.NumberFormat(undefined, { style: 'currency', currency: 'EUR' }).format(value);

const ENDS = {
  access_denied: 'Not approved',
  expired_token: 'Nobody answered in time',
};
const STEPS = {
  challenge: 'The API asked for a higher level',
  asked: 'The bank asked the identity provider',
  tokens: 'Tokens of that level came back',
  answered: 'The API answered',
  refused: 'There were no tokens',
};

async function call(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: body && { 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message ?? answer.error);
  return answer;
}

async function showSession() {
  const { bank, user, balance, iban, limit } = await call('GET', '/session');
  document.title = $('bank').textContent = bank;
  $('user').textContent = user ?? '';
  $('welcome').hidden = Boolean(user);
  $('account').hidden = !user;
  if (!user) return;
  $('balance').textContent = money(balance);
  $('iban').textContent = iban.replace(/(.{4})/g, '$1 ');
  $('limit').textContent = money(limit);
}

/** Sends what was asked for; if the person has to approve it first, shows the code and waits. */
async function send(path, body, show) {
  for (const id of ['problem', 'result', 'step-up']) $(id).hidden = true;
  document.querySelectorAll('button').forEach((button) => { button.disabled = true });
  try {
    const answer = await call('POST', path, body);
    if (answer.step_up) showEnd(await awaitStepUp(answer.step_up), show);
    else showEnd({ state: 'done', body: answer }, show);
    await showSession();
  } catch (error) {
    $('problem').textContent = error.message;
    $('problem').hidden = false;
  } finally {
    $('step-up').hidden = true;
    document.querySelectorAll('button').forEach((button) => { button.disabled = false });
  }
}

async function awaitStepUp({ id, match_code: code, reference }) {
  $('step-up-title').textContent = 'Your computer asks you now';
  $('step-up-text').textContent = code
    ? 'Compare what Countersign shows with what you want to do. Approve only if you started it.'
    : 'Confirm it in Countersign, or in its notification.';
  $('code').textContent = code ? code.replace(/^(\d{3})(\d{3})$/, '$1 $2') : '';
  $('code-line').hidden = !code;
  $('step-up-reference').textContent = reference;
  $('step-up').hidden = false;
  $('step-up').scrollIntoView({ block: 'nearest' });
  $('step-up-title').focus({ preventScroll: true });
  for (;;) {
    const result = await call('GET', `/step-ups/${id}`);
    if (result.state !== 'pending') return result;
  }
}

function showEnd({ state, body, message, trace = [] }, show) {
  $('result-title').textContent = state === 'done' ? show(body) : (ENDS[state] ?? message ?? 'That did not work');
  $('trace').replaceChildren(...trace.map(({ at, step, ...facts }) => {
    const item = document.createElement('li');
    const code = document.createElement('code');
    code.textContent = Object.entries(facts).map(([name, value]) => `${name}: ${value}`).join('\n');
    item.append(STEPS[step], code);
    return item;
  }));
  $('trace').parentElement.hidden = trace.length === 0;
  $('result').hidden = false;
  $('result').scrollIntoView({ block: 'nearest' });
}

$('payment').addEventListener('submit', (event) => {
  event.preventDefault();
  const { amount, ...rest } = Object.fromEntries(new FormData(event.target));
  const payment = { amount: Number(amount).toFixed(2), ...rest };
  send('/payments', payment, ({ paid }) => `Paid ${money(paid.amount)} to ${payment.payee}`);
});

$('statements').addEventListener('submit', (event) => {
  event.preventDefault();
  send('/statements', {}, ({ payments }) => {
    $('payments').replaceChildren(...payments.map(({ creditorName, instructedAmount }) => {
      const item = document.createElement('li');
      item.textContent = `${creditorName}: ${money(instructedAmount.amount)}`;
      return item;
    }));
    return payments.length ? 'Your statements' : 'No payments yet';
  });
});

showSession().catch((error) => {
  $('problem').textContent = error.message;
  $('problem').hidden = false;
});
