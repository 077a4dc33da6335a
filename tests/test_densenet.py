import pytest
import torch
from torchvision.models import DenseNet as Twin
from torchvision.models import densenet121

from fer_nb.densenet import DenseNet, Layer, copy_weights
from fer_nb.errors import BadInput

SMALL = {"growth": 8, "layers": (2, 3), "stem": 16, "classes": 7}


def small_twin() -> Twin:
    torch.manual_seed(0)
    twin = Twin(growth_rate=8, block_config=(2, 3), num_init_features=16, num_classes=7)
    for part in twin.modules():  # running statistics that matter
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)
    return twin.eval()


def test_with_the_same_weights_it_answers_as_torchvision_does():
    twin, ours = small_twin(), DenseNet(**SMALL)
    copy_weights(twin.state_dict(), ours)
    x = torch.rand(4, 3, 64, 64)
    with torch.no_grad():
        assert (ours.eval()(x) - twin(x)).abs().max() < 1e-5


def test_gradients_agree_too():
    twin, ours = small_twin(), DenseNet(**SMALL)
    copy_weights(twin.state_dict(), ours)
    x, y = (torch.rand(2, 3, 64, 64).requires_grad_() for _ in range(2))
    with torch.no_grad():
        y.copy_(x)
    ours.eval()(x)[:, 0].sum().backward()
    twin(y)[:, 0].sum().backward()
    assert x.grad is not None and y.grad is not None
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-6)


def test_densenet_121_has_as_many_parameters_as_published():
    ours, theirs = DenseNet(), densenet121(weights=None)
    count = [sum(p.numel() for p in net.parameters()) for net in (ours, theirs)]
    assert count[0] == count[1] == 7_978_856


def test_a_layer_reuses_what_it_was_given():
    x = torch.rand(1, 8, 5, 5)
    out = Layer(8, growth=4).eval()(x)
    assert torch.equal(out[:, :8], x)


def test_weights_of_another_size_are_refused():
    with pytest.raises(BadInput, match="same growth"):
        copy_weights(small_twin().state_dict(), DenseNet(growth=4, layers=(2, 3), stem=16, classes=7))
