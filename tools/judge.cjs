// An outside judge of Mime's appearance: a network trained on real faces names the expression in each frame.
// It is run by `fer_nb.experiments.mime_judges`, never by the build. Set up once, in a folder of its own:
//   npm i @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4 @tensorflow/tfjs-backend-wasm@4
// then copy this file there and set FER_NB_JUDGE to the copy. FRAMES names a folder with m.json, a list of
// [label, height, width], and the RGB bytes of frame i in i.bin. "Neutral" is not allowed as an answer: every
// frame shows one of six expressions, so the judge chooses among six.
const { readFileSync } = require('node:fs');
const path = require('node:path');
const api = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
require('@tensorflow/tfjs');
require('@tensorflow/tfjs-backend-wasm');

const SAME = { angry: 'anger', disgusted: 'disgust', fearful: 'fear', happy: 'happiness', sad: 'sadness', surprised: 'surprise' };

function bestOfSix(scores) {
  let best = null;
  for (const [theirs, ours] of Object.entries(SAME)) if (best === null || scores[theirs] > best.score) best = { label: ours, score: scores[theirs] };
  return best.label;
}

async function main() {
  await api.tf.setBackend('wasm');
  await api.tf.ready();
  const weights = path.join(path.dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
  await Promise.all([api.nets.ssdMobilenetv1.loadFromDisk(weights), api.nets.faceExpressionNet.loadFromDisk(weights)]);
  const options = new api.SsdMobilenetv1Options({ minConfidence: 0.2 });
  const folder = process.env.FRAMES;
  const frames = JSON.parse(readFileSync(path.join(folder, 'm.json'), 'utf8'));
  const confusion = {};
  let right = 0, missed = 0;
  for (const [i, [label, height, width]] of frames.entries()) {
    const image = api.tf.tensor3d(new Uint8Array(readFileSync(path.join(folder, `${i}.bin`))), [height, width, 3], 'int32');
    const face = await api.detectSingleFace(image, options).withFaceExpressions();
    image.dispose();
    const answer = face ? bestOfSix(face.expressions) : 'no face';
    if (!face) missed += 1;
    if (answer === label) right += 1;
    confusion[label] = confusion[label] || {};
    confusion[label][answer] = (confusion[label][answer] || 0) + 1;
  }
  console.log(JSON.stringify({ accuracy: right / frames.length, no_face: missed, n: frames.length, confusion }));
}

main();
