import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { QueuedFile } from '../outbox/database';
import { report } from '../launcher/guard';
import { Icon } from '../messenger/icons';
import { queued, type Store } from '../messenger/store';
import type { Thread } from '../messenger/thread';
import { bytes } from '../messenger/times';

const LONGEST = 10_000;
const FILES = 5;
const LARGEST = 10 * 1024 * 1024;
const TYPES = '.png,.jpg,.jpeg,.gif,.webp,.pdf,.txt,.csv,.json,.zip';
const IDLE = 4000;

/** Where the visitor writes: one line that grows to six, and files by button, paste and drop. */
export function Composer({ store, thread, sent }: { store: Store; thread: Thread; sent: () => void }) {
  const { t } = store;
  const field = useRef<HTMLTextAreaElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const idle = useRef(0);
  const text = thread.text.value;
  const files = thread.files.value;
  const problem = thread.problem.value;
  const over = [...text].length - LONGEST;
  const canSend = (!!text.trim() || files.length > 0) && over <= 0;

  useLayoutEffect(() => {
    const box = field.current!;
    box.style.height = 'auto';
    box.style.height = box.scrollHeight + 'px';
  }, [text]);
  useEffect(() => {
    if (store.shown.value && matchMedia('(hover: hover)').matches && store.focused.value) field.current!.focus({ preventScroll: true });
    return () => clearTimeout(idle.current);
  }, []);

  const write = (value: string) => {
    store.write(thread, value);
    thread.type(!!value);
    clearTimeout(idle.current);
    idle.current = setTimeout(() => thread.type(false), IDLE) as unknown as number;
  };
  const send = async () => {
    if (!canSend) return;
    thread.problem.value = '';
    clearTimeout(idle.current);
    field.current!.focus({ preventScroll: true });
    const sending = store.send(thread);
    await sending;
    sent();
  };
  const keys = (event: KeyboardEvent) => {
    // Enter that ends a composition is not meant for us; on a touch keyboard it is a new line.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    if (matchMedia('(pointer: coarse)').matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    return send();
  };
  const paste = (event: ClipboardEvent) => {
    const pasted = event.clipboardData?.files;
    if (!pasted?.length) return;
    event.preventDefault();
    add(store, thread, pasted);
  };

  return (
    <form class="composer" onSubmit={(event) => { event.preventDefault(); return send(); }}>
      {problem && <p class="problem" role="alert">{problem}</p>}
      {over > 0 && <p class="problem" role="alert">{t('tooLong', { count: over })}</p>}
      {files.length > 0 && (
        <ul class="chips">
          {files.map((file) => (
            <li key={file.key}>
              <Icon name="file" size={16} />
              <b>{file.name}</b>
              <span class="muted">{bytes(store.language.value, file.size)}</span>
              <button type="button" class="icon" aria-label={t('remove', { name: file.name })} onClick={() => drop(thread, file)}><Icon name="close" size={14} /></button>
            </li>
          ))}
        </ul>
      )}
      <div class="field">
        <button type="button" class="icon" aria-label={t('attach')} title={t('attach')} onClick={() => input.current!.click()}><Icon name="clip" /></button>
        <input
          ref={input}
          type="file"
          multiple
          hidden
          accept={TYPES}
          onChange={(event) => {
            add(store, thread, event.currentTarget.files!);
            event.currentTarget.value = '';
          }}
        />
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          value={text}
          placeholder={t('write')}
          aria-label={t('write')}
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={keys}
          onPaste={paste}
          onBlur={() => thread.type(false)}
        />
        <button type="submit" class="send" aria-label={t('send')} title={t('send')} disabled={!canSend}><Icon name="send" /></button>
      </div>
    </form>
  );
}

/** Take files into the composer, and say what is wrong with those that can't be sent. */
function add(store: Store, thread: Thread, list: FileList): void {
  const { t } = store;
  const taken: QueuedFile[] = [];
  let problem = '';
  for (const file of Array.from(list)) {
    if (!file.size) problem = t('emptyFile', { name: file.name });
    else if (file.size > LARGEST) problem = t('tooLarge', { name: file.name, max: bytes(store.language.value, LARGEST) });
    else if (!TYPES.split(',').some((ending) => file.name.toLowerCase().endsWith(ending))) problem = t('wrongType', { name: file.name });
    else if (thread.files.value.length + taken.length >= FILES) problem = t('tooMany', { count: FILES });
    else taken.push(queued(file));
  }
  thread.files.value = [...thread.files.value, ...taken];
  thread.problem.value = problem;
  for (const file of taken) {
    store.stage(file).catch((answer) => {
      // Without an answer the outbox tries again; a refusal is better heard now than after sending.
      if (![400, 413, 415].includes(answer?.status)) return;
      drop(thread, file);
      thread.problem.value = t(answer.status === 413 ? 'tooLarge' : 'wrongType', { name: file.name, max: bytes(store.language.value, LARGEST) });
    });
  }
}

function drop(thread: Thread, file: QueuedFile): void {
  thread.files.value = thread.files.value.filter((each) => each !== file);
}

/** Files may be dropped anywhere on the conversation; tells whether some are being held over it. */
export function useDrop(store: Store, thread: Thread, inside: { current: HTMLElement | null }): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const area = inside.current!.parentElement!;
    let depth = 0;
    const hasFiles = (event: DragEvent) => !!event.dataTransfer && Array.from(event.dataTransfer.types).includes('Files');
    const handle = (event: DragEvent) => {
      try {
        if (!hasFiles(event)) return;
        event.preventDefault();
        if (event.type === 'dragenter') depth++;
        else if (event.type === 'dragleave') depth--;
        else if (event.type === 'drop') {
          depth = 0;
          add(store, thread, event.dataTransfer!.files);
        }
        setOver(depth > 0);
      } catch (error) {
        report(error);
      }
    };
    const types = ['dragenter', 'dragover', 'dragleave', 'drop'] as const;
    for (const type of types) area.addEventListener(type, handle);
    return () => {
      for (const type of types) area.removeEventListener(type, handle);
    };
  }, []);
  return over;
}
