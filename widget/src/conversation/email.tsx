import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon } from '../messenger/icons';
import type { Store } from '../messenger/store';

/** Asks for the visitor's address, and for the code that was mailed to it: then answers find them on every device. */
export function Email({ store }: { store: Store }) {
  const { t, engine, claim } = store;
  const [sent, setSent] = useState(false);
  const [problem, setProblem] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (sent) field.current?.focus();
  }, [sent]);
  if (claim.value == null) return null;

  const submit = async (event: Event) => {
    event.preventDefault();
    const value = field.current!.value.trim();
    const { status } = sent
      ? await engine.core.request('PUT', '/widget/visitor/email', { code: value })
      : await engine.core.request('POST', '/widget/visitor/email/codes', { email: value });
    setProblem(status < 300 ? '' : t(status === 400 ? 'wrong' : 'notSent'));
    if (status === 202) {
      claim.value = value;
      setSent(true);
    } else if (status === 200) {
      claim.value = engine.core.claim = undefined;
      store.announcement.value = t('emailProven');
      await engine.core.renew();
    }
  };
  const dismiss = () => {
    claim.value = engine.core.claim = undefined;
    engine.visit.own.set('later', '1');
  };
  const label = t(sent ? 'enterCode' : 'giveEmail', { email: claim.value });
  return (
    <form class="composer" noValidate onSubmit={submit}>
      <p class="muted">{label} {sent && <button type="button" class="link" onClick={() => setSent(false)}>{t('otherEmail')}</button>}</p>
      {problem && <p class="problem" role="alert">{problem}</p>}
      <div class="field">
        {sent ? (
          <input key="code" ref={field} inputMode="numeric" autoComplete="one-time-code" aria-label={label} />
        ) : (
          <input key="email" ref={field} type="email" autoComplete="email" aria-label={label} defaultValue={claim.value} />
        )}
        <button type="submit" class="send" aria-label={t('send')}><Icon name="send" /></button>
        <button type="button" class="icon" aria-label={t('notNow')} onClick={dismiss}><Icon name="close" /></button>
      </div>
    </form>
  );
}
